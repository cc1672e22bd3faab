"""What is true of any Keras model: its graph, the kinds of its layers, how it ends, what pixels it takes."""
