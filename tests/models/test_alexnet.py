import pytest

import cnnzoo


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("name", cnnzoo.list_models(family="alexnet"))
def test_dropout_rate_is_the_papers_or_the_users(name):
    def rates(model):
        return [layer.rate for layer in model.layers if layer.name.startswith("dropout")]

    assert rates(cnnzoo.create_model(name)) == [0.5, 0.5]
    assert rates(cnnzoo.create_model(name, dropout_rate=0.25)) == [0.25, 0.25]
