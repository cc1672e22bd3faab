import cnnzoo
from cnnzoo.inspect import layer_table


def test_layer_table():
    table = layer_table(cnnzoo.models.alexnet(kernel_initializer="zeros"))
    assert tuple(row[:5] for row in table.rows) == (
        ("conv1", "Conv2D", (54, 54, 96), 34_944, 101_616_768),
        ("conv2", "Conv2D", (50, 50, 256), 614_656, 1_536_000_000),
        ("pool2", "MaxPooling2D", (24, 24, 256), 0, 0),
        ("conv3", "Conv2D", (22, 22, 384), 885_120, 428_212_224),
        ("pool3", "MaxPooling2D", (10, 10, 384), 0, 0),
        ("conv4", "Conv2D", (8, 8, 384), 1_327_488, 84_934_656),
        ("conv5", "Conv2D", (6, 6, 256), 884_992, 31_850_496),
        ("pool5", "MaxPooling2D", (2, 2, 256), 0, 0),
        ("flatten", "Flatten", (1024,), 0, 0),
        ("fc1", "Dense", (4096,), 4_198_400, 4_194_304),
        ("dropout1", "Dropout", (4096,), 0, 0),
        ("fc2", "Dense", (4096,), 16_781_312, 16_777_216),
        ("dropout2", "Dropout", (4096,), 0, 0),
        ("predictions", "Dense", (10,), 40_970, 40_960),
    )
    assert (table.params, table.macs) == (24_767_882, 2_203_626_624)


def test_dropout_rate_is_the_papers_or_the_users():
    def rates(model):
        return [layer.rate for layer in model.layers if layer.name.startswith("dropout")]

    assert rates(cnnzoo.models.alexnet(kernel_initializer="zeros")) == [0.5, 0.5]
    assert rates(cnnzoo.models.alexnet(kernel_initializer="zeros", dropout_rate=0.25)) == [0.25, 0.25]
