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

  // Graphs over time: the pointer reads values off, and a part of the time can be looked at closer.
  const axis = (text) => {
    const [low, high, start, end] = text.split(" ").map(Number);
    return { low, high, start, end };
  };
  const placed = (scale, value) => scale.start + (value - scale.low) / (scale.high - scale.low) * (scale.end - scale.start);
  const valued = (scale, place) => scale.low + (place - scale.start) / (scale.end - scale.start) * (scale.high - scale.low);
  const step = /([MLHV])(-?[\d.]+)(?: (-?[\d.]+))?/g;
  const points = (path) => {
    let x = 0, y = 0;
    return [...path.matchAll(step)].map(([, letter, first, second]) => {
      if (letter === "V") y = Number(first); else x = Number(first);
      if (second) y = Number(second);
      return { x, y };
    });
  };
  const ticks = (low, high, most) => {
    const rough = (high - low) / (most - 1), power = 10 ** Math.floor(Math.log10(rough));
    const width = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
    const first = Math.ceil(low / width - 1e-9), last = Math.floor(high / width + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * width).toPrecision(12)));
  };
  const bytes = (count) => {
    const [scale, unit] = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [0, "bytes"]].find(([least]) => count >= least);
    return `${scale ? Number((count / scale).toPrecision(3)) : Math.round(count)} ${unit}`;
  };
  const drawn = (name, fields, parent) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(fields)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  };

  const graph = (svg, number) => {
    const whole = { x: axis(svg.dataset.x), y: svg.dataset.y ? axis(svg.dataset.y) : null };
    const paths = [...svg.querySelectorAll("path:not(.axis)")].map((path) => (
      { path, style: path.classList, d: path.getAttribute("d"), points: points(path.getAttribute("d")) }));
    const notes = [...svg.querySelectorAll("text:not(.x,.y)")].map((text) => ({ text, x: Number(text.getAttribute("x")) }))
      .filter((each) => each.x >= whole.x.start);
    const under = svg.querySelector("text.x").getAttribute("y"), floor = whole.y ? whole.y.start : Number(under) - 16;
    const top = whole.y ? whole.y.end : 0;
    const clip = drawn("clipPath", { id: `span-${number}` }, svg);
    drawn("rect", { x: whole.x.start, y: top, width: whole.x.end - whole.x.start, height: floor - top }, clip);
    const cursor = drawn("path", { class: "cursor", fill: "none", stroke: "#1f5fa8" }, svg);
    const reading = make("p", { className: "soft reading" });
    let shown = whole;

    const height = (low, high) => {  // what was sent and acknowledged between two moments
      const left = placed(whole.x, low), right = placed(whole.x, high);
      const inside = paths.filter((each) => ["data", "again", "ack"].some((name) => each.style.contains(name)))
        .flatMap((each) => each.points.filter(({ x }) => x >= left && x <= right).map(({ y }) => valued(whole.y, y)));
      if (!inside.length) return whole.y;
      const least = Math.min(...inside), most = Math.max(...inside), rim = Math.max((most - least) * 0.08, 1);
      return { ...whole.y, low: Math.max(least - rim, 0), high: most + rim };
    };
    const counts = (name, scale, many, words) => {
      const [first] = svg.querySelectorAll(`text.${name}`);
      const like = { class: name, x: first.getAttribute("x"), y: under, "text-anchor": first.getAttribute("text-anchor") };
      for (const old of svg.querySelectorAll(`text.${name}`)) old.remove();
      for (const value of ticks(scale.low, scale.high, many)) {
        const place = placed(scale, value);
        const spot = name === "y" ? { y: place + 4 } : { x: place, "text-anchor": place > whole.x.end - 12 ? "end" : "middle" };
        drawn("text", { ...like, ...spot }, svg).textContent = words(value);
      }
    };
    const draw = () => {
      const zoomed = shown !== whole;
      const across = (place) => placed(shown.x, valued(whole.x, Number(place))).toFixed(1);
      const up = (place, style) => (
        whole.y && !style.contains("shade") ? placed(shown.y, valued(whole.y, Number(place))).toFixed(1) : place);
      for (const { path, style, d } of paths) {
        path.setAttribute("d", !zoomed ? d : d.replace(step, (_, letter, first, second) => (
          letter + (letter === "V" ? up(first, style) : across(first)) + (second ? ` ${up(second, style)}` : ""))));
        if (zoomed) path.setAttribute("clip-path", `url(#span-${number})`); else path.removeAttribute("clip-path");
      }
      for (const { text, x } of notes) {
        const place = Number(across(x));
        const behind = text.getAttribute("text-anchor") === "start";  // a letter behind its bar stays in sight
        text.setAttribute("x", behind ? Math.min(place, whole.x.end + 5) : place);
        const away = place < whole.x.start || (place > whole.x.end && !behind);
        text.setAttribute("visibility", away ? "hidden" : "visible");
      }
      counts("x", shown.x, 6, (value) => `${value} s`);
      if (whole.y) counts("y", shown.y, 5, bytes);
    };
    const show = (from, to) => {
      const all = whole.x.high - whole.x.low, span = Math.min(Math.max(to - from, all / 2000), all);
      const low = Math.min(Math.max(from, whole.x.low), whole.x.high - span), high = low + span;
      const x = { ...whole.x, low, high };
      shown = span === all ? whole : { x, y: whole.y && height(low, high) };
      draw();
    };
    const last = (name, place) => {
      const found = paths.find((each) => each.style.contains(name));
      const before = found ? found.points.filter(({ x }) => x <= place) : [];
      if (!before.length) return null;
      return valued(whole.y, name === "data" ? Math.min(...before.map(({ y }) => y)) : before.at(-1).y);
    };
    const pointed = (event) => {
      const box = svg.getBoundingClientRect();
      return (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    };
    const read = (x) => {
      const time = valued(shown.x, x), place = placed(whole.x, time) + 0.05;
      const curves = !whole.y ? [] : [["data", "sent"], ["ack", "acknowledged"], ["limit", "allowed"]]
        .map(([name, words]) => [last(name, place), words]).filter(([value]) => value !== null)
        .map(([value, words]) => `${bytes(Math.max(value, 0))} ${words}`);
      reading.textContent = `+${time.toFixed(3)} s${curves.length ? ": about " : ""}${curves.join(", ")}`;
    };
    let begun = null;
    svg.addEventListener("pointermove", (event) => {
      const x = Math.min(Math.max(pointed(event), whole.x.start), whole.x.end);
      cursor.setAttribute("d", begun === null ? `M${x} ${top}V${floor}` : `M${begun} ${top}H${x}V${floor}H${begun}Z`);
      read(x);
    });
    svg.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return;
      event.preventDefault();
      begun = Math.min(Math.max(pointed(event), whole.x.start), whole.x.end);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", (event) => {
      const x = Math.min(Math.max(pointed(event), whole.x.start), whole.x.end), from = begun;
      begun = null;
      if (from !== null && Math.abs(x - from) > 5) show(...[from, x].map((each) => valued(shown.x, each)).sort((a, b) => a - b));
    });
    svg.addEventListener("pointerleave", () => { cursor.setAttribute("d", ""); reading.textContent = ""; });
    svg.addEventListener("dblclick", () => show(whole.x.low, whole.x.high));
    const controls = make("p", { className: "controls" });
    controls.setAttribute("role", "group");
    controls.setAttribute("aria-label", `Time shown in ${svg.querySelector("title").textContent}`);
    for (const [words, wider, aside] of [["closer", 0.5, 0], ["wider", 2, 0], ["earlier", 1, -0.5], ["later", 1, 0.5], ["whole", 1e9, 0]]) {
      const button = make("button", { type: "button", textContent: words });
      button.addEventListener("click", () => {
        const span = shown.x.high - shown.x.low, middle = (shown.x.low + shown.x.high) / 2 + aside * span;
        show(middle - span * wider / 2, middle + span * wider / 2);
      });
      controls.append(button);
    }
    svg.parentElement.after(controls, reading);
  };
  document.querySelectorAll("svg[data-x]").forEach(graph);

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
})();
