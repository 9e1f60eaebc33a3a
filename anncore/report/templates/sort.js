"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  const value = (row, i) => {
    const cell = row.cells[i];
    const text = cell.dataset.sort ?? cell.textContent.trim().replaceAll("−", "-").replace(/^[^\d.\-–]*(?=[\d.])/, "");
    const number = parseFloat(text);
    return Number.isNaN(number) ? cell.textContent.trim() : number;
  };
  const rank = (v) => (v === "–" ? 2 : typeof v === "string" ? 1 : 0);
  [...table.tHead.rows[0].cells].forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = [...body.rows].some((row) => rank(value(row, i)) === 1);
      const key = (row) => (text ? row.cells[i].textContent.trim() : value(row, i));
      const compare = (a, b) => {
        const x = key(a), y = key(b);
        if (text) return (up ? 1 : -1) * x.localeCompare(y);
        if (rank(x) !== rank(y)) return rank(x) - rank(y);
        return (up ? 1 : -1) * (x - y || 0);
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
// What is folded is printed too.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
