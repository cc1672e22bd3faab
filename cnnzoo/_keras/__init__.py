"""Facts about any Keras model: its graph, kinds of layers, output (softmax or logits), and input range."""
