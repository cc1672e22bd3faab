import cnnzoo


def test_dropout_rate_is_the_papers_or_the_users():
    def rates(model):
        return [layer.rate for layer in model.layers if layer.name.startswith("dropout")]

    assert rates(cnnzoo.models.alexnet(kernel_initializer="zeros")) == [0.5, 0.5]
    assert rates(cnnzoo.models.alexnet(kernel_initializer="zeros", dropout_rate=0.25)) == [0.25, 0.25]
