"""What a network makes of images: the stuff that pictures are made of."""
