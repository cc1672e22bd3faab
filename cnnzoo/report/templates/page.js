"use strict";
// The page is complete without this script, which adds the theme switch, the filter of mistakes, enlarged images, and copying.
const byId = (id) => document.getElementById(id);

const THEMES = [["", "system"], ["light", "light"], ["dark", "dark"]];
const theme = byId("theme");
let chosen = 0;
theme.hidden = false;
theme.addEventListener("click", () => {
  chosen = (chosen + 1) % THEMES.length;
  const [name, label] = THEMES[chosen];
  if (name) document.documentElement.dataset.theme = name; else delete document.documentElement.dataset.theme;
  theme.textContent = `Theme: ${label}`;
});

const pair = byId("pair");
if (pair) {
  const pictures = [...byId("gallery").querySelectorAll(".picture")];
  pair.closest(".control").hidden = false;
  pair.addEventListener("change", () => {
    for (const picture of pictures) picture.hidden = pair.value !== "" && picture.dataset.pair !== pair.value;
    const shown = pictures.filter((picture) => !picture.hidden).length;
    byId("shown").textContent = shown === 1 ? "1 image shown" : `${shown} images shown`;
  });
}

const large = byId("large");
for (const image of document.querySelectorAll(".picture > img")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge";
  button.title = "Enlarge";
  image.replaceWith(button);
  button.append(image);
  button.addEventListener("click", () => {
    large.querySelector("img").src = image.src;
    large.querySelector("img").alt = image.alt;
    large.querySelector("p").textContent = image.alt;
    large.showModal();
  });
}

const copy = byId("copy");
if (copy) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const selection = getSelection();
    selection.selectAllChildren(byId("command"));
    try {
      await navigator.clipboard.writeText(byId("command").textContent);
      byId("copied").textContent = "Copied";
    } catch {
      byId("copied").textContent = "Selected: copy it with the keyboard";
    }
  });
}

const folded = document.querySelectorAll("details");
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...folded].filter((each) => !each.open);
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
