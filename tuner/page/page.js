"use strict";
// Sorting: a click on a column's name, or Enter on it; once more turns it round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "ascending";
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const of = (row) => row.cells[column].dataset.order ?? row.cells[column].textContent;
      const number = (text) => (text.trim() === "" ? NaN : Number(text.replaceAll(",", "")));
      const compare = (one, other) => {
        const [a, b] = [of(one), of(other)];
        const [x, y] = [number(a), number(b)];
        if (Number.isNaN(x) || Number.isNaN(y)) return (a === "") - (b === "") || (down ? 1 : -1) * a.localeCompare(b);
        return (down ? 1 : -1) * (x - y);
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    });
  });
}
// Tips: what a mark says, at once and on a touch. Without this the browser shows it after a while.
const tip = document.getElementById("tip");
const hide = () => { tip.hidden = true; };
document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest?.("svg.plot *");
  const said = mark?.querySelector(":scope > title") ?? (mark?.tagName === "title" ? mark : null);
  if (!said || !mark.closest("svg")) return hide();
  tip.textContent = said.textContent;
  tip.hidden = false;
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, room))}px`;
  tip.style.top = `${Math.max(4, event.clientY - tip.offsetHeight - 12)}px`;
});
document.addEventListener("scroll", hide, { passive: true });
