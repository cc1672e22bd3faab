// The table of all networks: to filter and to sort. Without JavaScript it is a plain table.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector(".networks table");
  if (!table) return;
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const column = Object.fromEntries(headings.map((cell, index) => [cell.textContent.trim(), index]));
  const rows = [...body.rows].map((row) => ({ row, texts: [...row.cells].map((cell) => cell.textContent.trim()) }));

  const number = (text) => Number(text.replaceAll(",", ""));
  const isNumeric = headings.map((_, index) => rows.every(({ texts }) => !Number.isNaN(number(texts[index]))));
  const compare = {
    true: (one, other) => number(one) - number(other),
    false: (one, other) => one.localeCompare(other, "en", { numeric: true }),
  };

  function sort(index) {
    const rising = headings[index].getAttribute("aria-sort") !== "ascending";
    headings.forEach((cell) => cell.removeAttribute("aria-sort"));
    headings[index].setAttribute("aria-sort", rising ? "ascending" : "descending");
    const sorted = [...rows].sort((one, other) => {
      const [first, second] = [one.texts[index], other.texts[index]];
      if (!first || !second) return Boolean(second) - Boolean(first); // what is unknown comes last, either way
      return compare[isNumeric[index]](first, second) * (rising ? 1 : -1);
    });
    body.append(...sorted.map(({ row }) => row));
  }

  headings.forEach((cell, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent.trim();
    button.addEventListener("click", () => sort(index));
    cell.replaceChildren(button);
    cell.scope = "col";
  });

  const filters = document.createElement("form");
  filters.className = "networks-filters";
  filters.addEventListener("submit", (event) => event.preventDefault());

  function field(label, element) {
    const wrapper = document.createElement("label");
    wrapper.append(label, element);
    filters.append(wrapper);
    element.addEventListener("input", show);
    return element;
  }

  function select(label, options) {
    const element = document.createElement("select");
    element.append(...options.map(([text, value]) => new Option(text, value)));
    return field(label, element);
  }

  function values(name) {
    const found = new Set(rows.map(({ texts }) => texts[column[name]]).filter(Boolean));
    return [...found].sort(compare[isNumeric[column[name]]]).map((value) => [value, value]);
  }

  const search = document.createElement("input");
  search.type = "search";
  field("Text", search);
  const family = select("Family", [["all", ""], ...values("family")]);
  const year = select("Year", [["all", ""], ...values("year")]);
  const weights = select("Weights", [["all", ""], ["any trained", "*"], ...values("weights")]);
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  filters.append(count);

  function isWanted(texts) {
    const trained = texts[column.weights];
    return (
      texts.join(" ").toLowerCase().includes(search.value.trim().toLowerCase()) &&
      (!family.value || texts[column.family] === family.value) &&
      (!year.value || texts[column.year] === year.value) &&
      (!weights.value || (weights.value === "*" ? trained !== "" : trained === weights.value))
    );
  }

  function show() {
    const shown = rows.filter(({ row, texts }) => !(row.hidden = !isWanted(texts))).length;
    count.textContent = `${shown} of ${rows.length} networks`;
  }

  const wrapper = table.parentElement;
  wrapper.setAttribute("role", "region");
  wrapper.setAttribute("aria-label", "All networks");
  table.closest(".networks").prepend(filters);
  show();
});
