from autograd_lite.drawing.explanation import Explanation as Explanation
from autograd_lite.drawing.explanation import explain as explain
from autograd_lite.drawing.picture import draw as draw
