"""From values to Keras models. Keras is imported here, and so only where models are built."""
