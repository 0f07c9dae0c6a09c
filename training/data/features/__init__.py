"""What frozen backbones make of images: computed once and kept, or of each batch when it comes."""
