"use strict";
// Adds what a page without scripts can do without: sorting, filtering, copying, and opening what a link points into.
(() => {
  const make = (name, fields, ...children) => {
    const made = Object.assign(document.createElement(name), fields);
    made.append(...children);
    return made;
  };

  const number = new Intl.Collator("en", { numeric: true });
  const table = document.querySelector("table.sortable");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase(), verdict: row.dataset.verdict }));
    const count = make("p", { className: "soft" });
    count.setAttribute("role", "status");
    const text = make("input", { type: "search", id: "filter-text", autocomplete: "off" });
    const verdict = make("select", { id: "filter-verdict" }, make("option", { value: "", textContent: "all" }));
    for (const name of new Set(rows.map((each) => each.verdict))) {
      const words = rows.find((each) => each.verdict === name).row.querySelector(".verdict").textContent;
      verdict.append(make("option", { value: name, textContent: words }));
    }
    const filter = () => {
      const wanted = text.value.trim().toLowerCase().split(/\s+/);
      let shown = 0;
      for (const each of rows) {
        const fits = (!verdict.value || each.verdict === verdict.value) && wanted.every((word) => each.text.includes(word));
        each.row.hidden = !fits;
        shown += fits;
      }
      count.textContent = `${shown} of ${rows.length} ${table.dataset.noun}`;
    };
    text.addEventListener("input", filter);
    verdict.addEventListener("change", filter);
    table.parentElement.before(
      make("p", { className: "controls" }, make("label", { htmlFor: "filter-text", textContent: "Show rows with" }), text,
        make("label", { htmlFor: "filter-verdict", textContent: "verdict" }), verdict), count);
    filter();
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        for (const each of rows) each.key = each.row.cells[column].textContent.replace(/(\d),(?=\d{3})/g, "$1");
        rows.sort((a, b) => number.compare(a.key, b.key) * (down ? -1 : 1));
        body.append(...rows.map((each) => each.row));
      });
      head.replaceChildren(button);
    });
  }

  for (const block of document.querySelectorAll("details.markdown")) {
    const button = make("button", { type: "button", className: "copy", textContent: "Copy as Markdown" });
    const said = make("span", { className: "soft" });
    said.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      const pre = block.querySelector("pre");
      try {
        await navigator.clipboard.writeText(pre.textContent);
        said.textContent = " copied";
      } catch {
        block.open = true;
        getSelection().selectAllChildren(pre);
        said.textContent = " selected: copy with Ctrl+C";
      }
    });
    block.before(make("p", {}, button, said));
  }

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
})();
