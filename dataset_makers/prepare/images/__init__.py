"""Item images from servers and folders into the dataset's image store."""
