"""What is minimised: the loss of an image, its terms, and the pixels that it is estimated from."""
