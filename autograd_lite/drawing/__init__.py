from autograd_lite.drawing.picture import draw as draw
