// Code, tables and outputs of notebooks that are wider than the screen: once focused, the keyboard scrolls them.
"use strict";

function letScroll() {
  for (const box of document.querySelectorAll("article :is(pre, .table-wrapper, [style*=overflow-x])")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("load", letScroll);
addEventListener("resize", letScroll);
