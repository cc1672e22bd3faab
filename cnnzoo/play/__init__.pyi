from .page import Page as Page
from .page import write_page as write_page
