// golens' figures: hover, and what else a figure's data allows. Nothing here is
// fetched, and data is only ever shown as text.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const add = (parent, name, style, text) => {
    const e = document.createElement(name);
    e.style.cssText = style || "";
    if (text !== undefined) e.textContent = text;
    parent.append(e);
    return e;
  };

  // number writes v as the figures do: three significant digits.
  const number = (v) => {
    if (v === undefined || Number.isNaN(v)) return "no value";
    const a = Math.abs(v);
    let s;
    if (a === 0) s = "0";
    else if (a >= 1e6 || a < 1e-3) s = v.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
    else s = v.toFixed(a >= 100 ? 0 : a >= 10 ? 1 : a >= 0.1 ? 2 : 3);
    return s.replaceAll("-", "−");
  };
  const withUnit = (v, unit) => number(v) + (unit && !Number.isNaN(v) ? (unit === "%" ? "" : " ") + unit : "");

  // drawing is the figure's SVG: inline, or in place of the image that shows it.
  const drawing = (box) => {
    const inline = box.querySelector("svg");
    if (inline) return inline;
    const img = box.querySelector("img");
    const head = "data:image/svg+xml;base64,";
    if (!img || !img.src.startsWith(head)) return null;
    const bytes = Uint8Array.from(atob(img.src.slice(head.length)), (c) => c.charCodeAt(0));
    const doc = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "image/svg+xml");
    const svg = doc.documentElement;
    if (svg.namespaceURI !== SVG || svg.localName !== "svg") return null;
    const own = document.importNode(svg, true);
    img.replaceWith(own);
    return own;
  };

  // values are the numbers of packed data: 16 bits each, 0 for none.
  const values = (d) => {
    const raw = atob(d.q);
    const out = new Float64Array(raw.length / 2);
    for (let i = 0; i < out.length; i++) {
      const u = raw.charCodeAt(2 * i) | (raw.charCodeAt(2 * i + 1) << 8);
      out[i] = u ? d.lo + ((u - 1) / 65534) * (d.hi - d.lo) : NaN;
    }
    return out;
  };

  // hover shows a text beside the pointer. It takes the place of the SVG's own
  // titles, which come late, or never where there is no pointer.
  const hover = (box, svg) => {
    const marks = [];
    const texts = new Map();
    for (const t of svg.querySelectorAll("title")) {
      if (t.parentNode === svg) continue;
      texts.set(t.parentNode, t.textContent);
      marks.push(t.parentNode);
    }
    for (const t of [...svg.querySelectorAll("title")]) t.remove();
    const tip = add(box, "div", "position:fixed;z-index:1000;display:none;pointer-events:none;max-width:26em;padding:3px 8px;border-radius:4px;background:#1f2937;color:#fff;font:12px/1.4 sans-serif;white-space:pre-line;overflow-wrap:anywhere");
    tip.setAttribute("role", "status");
    const show = (text, x, y) => {
      tip.textContent = text;
      tip.style.display = text ? "block" : "none";
      tip.style.left = tip.style.top = "0";
      const r = tip.getBoundingClientRect(); // a transformed ancestor moves what is fixed
      const w = document.documentElement.clientWidth, h = document.documentElement.clientHeight;
      tip.style.left = Math.max(0, Math.min(x + 12, w - r.width - 4)) - r.left + "px";
      tip.style.top = (y + 16 + r.height > h ? y - r.height - 8 : y + 16) - r.top + "px";
    };
    const state = { marks, texts, show, hide: () => { tip.style.display = "none"; }, at: null };
    svg.addEventListener("pointermove", (e) => {
      const own = state.at && state.at(e);
      const text = own || texts.get(e.target);
      if (text) show(text, e.clientX, e.clientY);
      else state.hide();
    });
    svg.addEventListener("pointerleave", state.hide);
    // The arrow keys walk over the marks.
    let here = -1;
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("keydown", (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (e.key === "Escape") state.hide();
      if (!step || !marks.length) return;
      e.preventDefault();
      here = (here + step + marks.length) % marks.length;
      const r = marks[here].getBoundingClientRect();
      show(texts.get(marks[here]), r.right, r.bottom);
    });
    svg.addEventListener("blur", state.hide);
    return state;
  };

  // point is the place of the pointer in the units of the drawing.
  const point = (svg, e) => {
    const m = svg.getScreenCTM();
    return m ? new DOMPoint(e.clientX, e.clientY).matrixTransform(m.inverse()) : { x: -1, y: -1 };
  };

  // outline is a frame that a figure lays over its drawing.
  const outline = (svg, width) => {
    const r = document.createElementNS(SVG, "rect");
    for (const [k, v] of Object.entries({ fill: "none", stroke: "#d55e00", "stroke-width": width, "pointer-events": "none", visibility: "hidden" })) r.setAttribute(k, v);
    svg.append(r);
    return (x, y, w, h) => {
      r.setAttribute("visibility", w ? "visible" : "hidden");
      for (const [k, v] of Object.entries({ x, y, width: w, height: h })) r.setAttribute(k, v || 0);
    };
  };

  // heat shows the value under the pointer, of rasters too.
  const heat = (box, svg, d, tips) => {
    const v = values(d);
    const nr = d.rows.length, nc = d.cols.length;
    const at = (p, r, c) => v[(p * nr + r) * nc + c];
    const frame = outline(svg, 1.5);
    const cell = (e) => {
      const q = point(svg, e);
      const p = d.panels.findIndex((a) => q.x >= a.x && q.y >= a.y && q.x < a.x + d.cw * nc && q.y < a.y + d.ch * nr);
      if (p < 0) return null;
      const r = Math.floor((q.y - d.panels[p].y) / d.ch), c = Math.floor((q.x - d.panels[p].x) / d.cw);
      return { p, r, c };
    };
    const name = (axis, label) => (axis && !label.startsWith(axis + " ") ? axis + " " + label : label);
    tips.at = (e) => {
      const k = cell(e);
      if (!k || (d.causal && k.c > k.r)) {
        frame();
        return "";
      }
      const a = d.panels[k.p];
      frame(a.x + k.c * d.cw, a.y + k.r * d.ch, d.cw, d.ch);
      const text = d.kind === "attention" ? d.rows[k.r] + " → " + d.cols[k.c] : name(d.rn, d.rows[k.r]) + ", " + name(d.cn, d.cols[k.c]);
      return (a.t ? a.t + "\n" : "") + text + ": " + withUnit(at(k.p, k.r, k.c), d.unit);
    };
    svg.addEventListener("pointerleave", () => frame());
    return { at, cell, nr, nc };
  };

  const label = "font:13px/1.5 sans-serif;margin:0 .8em 0 0";
  const choice = (parent, name, options, change) => {
    const l = add(parent, "label", label, name + " ");
    const s = add(l, "select", "font:inherit");
    for (const o of options) add(s, "option", "", o);
    s.addEventListener("change", change);
    return s;
  };

  // attention adds the tokens as a text: pointing at one shows where it looks,
  // and who looks at it.
  const attention = (box, svg, d, tips) => {
    const map = heat(box, svg, d, tips);
    const panel = outline(svg, 2);
    const tools = add(box, "div", "margin:.5em 0 .2em");
    let head = 0, now = -1, held = false, keys = false;
    const choose = (p) => {
      head = p;
      if (d.heads) {
        layerChoice.selectedIndex = Math.floor(p / d.heads.length);
        headChoice.selectedIndex = p % d.heads.length;
      } else if (headChoice) headChoice.selectedIndex = p;
      const a = d.panels[p];
      if (d.panels.length > 1) panel(a.x - 2, a.y - 2, d.cw * map.nc + 4, d.ch * map.nr + 4);
      paint();
    };
    let layerChoice, headChoice;
    if (d.heads) {
      const both = () => choose(layerChoice.selectedIndex * d.heads.length + headChoice.selectedIndex);
      layerChoice = choice(tools, "layer", d.layers, both);
      headChoice = choice(tools, "head", d.heads, both);
    } else if (d.panels.length > 1) {
      headChoice = choice(tools, "pattern", d.panels.map((p) => p.t), () => choose(headChoice.selectedIndex));
    }
    const hint = add(tools, "span", label, "Point at a token: blue is where it looks, the orange bar is who looks at it.");
    const same = map.nr === map.nc && d.rows.every((t, i) => t === d.cols[i]);
    const strip = (tokens, isKeys) => {
      const row = add(box, "div", "display:flex;flex-wrap:wrap;gap:3px;max-width:860px;max-height:14em;overflow:auto;padding:2px");
      return tokens.map((t, i) => {
        const b = add(row, "button", "font:13px/1.3 sans-serif;color:inherit;background:none;border:1px solid #8886;border-bottom:4px solid transparent;border-radius:3px;padding:2px 5px;cursor:pointer", t === "" ? " " : t);
        b.type = "button";
        const peek = () => { if (!held) { now = i; keys = isKeys; paint(); } };
        b.addEventListener("pointerenter", peek);
        b.addEventListener("focus", peek);
        b.addEventListener("click", () => {
          held = !(held && now === i);
          now = i; keys = isKeys;
          paint();
        });
        return b;
      });
    };
    const queries = strip(d.rows, false);
    const targets = same ? queries : strip(d.cols, true);
    box.addEventListener("pointerleave", () => { if (!held) { now = -1; paint(); } });
    const most = Math.max(Math.abs(d.lo), Math.abs(d.hi)) || 1;
    const share = (v) => (Number.isNaN(v) ? 0 : Math.min(1, Math.abs(v) / most));
    const best = (list) => list.filter((a) => share(a.v) >= 0.005).sort((a, b) => Math.abs(b.v) - Math.abs(a.v)).slice(0, 3)
      .map((a) => `“${a.t}” ${number(a.v)}`).join(", ");
    const paint = () => {
      for (const b of [...queries, ...targets]) {
        b.style.backgroundColor = "transparent";
        b.style.borderBottomColor = "transparent";
        b.style.outline = "";
      }
      if (now < 0) {
        hint.textContent = "Point at a token: blue is where it looks, the orange bar is who looks at it.";
        return;
      }
      const looks = [], seen = [];
      if (same || !keys) d.cols.forEach((t, c) => {
        if (d.causal && c > now) return;
        const v = map.at(head, now, c);
        looks.push({ t, v });
        targets[c].style.backgroundColor = `rgba(${v < 0 ? "209,85,76" : "42,111,176"},${0.85 * share(v)})`;
      });
      if (same || keys) d.rows.forEach((t, r) => {
        if (d.causal && now > r) return;
        const v = map.at(head, r, now);
        seen.push({ t, v });
        queries[r].style.borderBottomColor = `rgba(213,94,0,${share(v)})`;
      });
      const own = (keys ? targets : queries)[now];
      own.style.outline = "2px solid #d55e00";
      hint.textContent = `“${own.textContent}”` + (looks.length ? " looks at " + (best(looks) || "nothing") : "") +
        (seen.length ? "; looked at by " + (best(seen) || "nobody") : "") + (held ? " (held: click it again)" : "");
    };
    svg.addEventListener("click", (e) => {
      const k = map.cell(e);
      if (!k) return;
      now = k.r; held = true; keys = false;
      choose(k.p);
    });
    choose(0);
  };

  // graph adds a threshold, and shows a node's own links.
  const graph = (box, svg, d, tips) => {
    const links = tips.marks.slice(0, d.links.length), nodes = tips.marks.slice(d.links.length);
    if (nodes.length !== d.texts.length) return;
    const parts = nodes.map((n, i) => {
      const all = [n];
      for (let e = n.nextElementSibling, k = d.texts[i]; e && k > 0; e = e.nextElementSibling, k--) all.push(e);
      return all;
    });
    let kept = links.length, held = -1;
    const paint = (node) => {
      const alive = new Set(), near = new Set([node]);
      d.links.forEach(([from, to], i) => {
        const on = i < kept, own = from === node || to === node;
        links[i].style.display = on ? "" : "none";
        links[i].style.opacity = node < 0 || own ? "" : "0.07";
        if (on) { alive.add(from); alive.add(to); }
        if (on && own) { near.add(from); near.add(to); }
      });
      parts.forEach((all, i) => all.forEach((e) => { e.style.opacity = !alive.has(i) ? "0.2" : node < 0 || near.has(i) ? "" : "0.25"; }));
    };
    nodes.forEach((n, i) => {
      n.style.cursor = "pointer";
      n.addEventListener("pointerenter", () => { if (held < 0) paint(i); });
      n.addEventListener("pointerleave", () => { if (held < 0) paint(-1); });
      n.addEventListener("click", () => { held = held === i ? -1 : i; paint(held < 0 ? i : held); });
    });
    if (links.length < 2) return;
    const l = add(add(box, "div", "margin:.4em 0"), "label", label, "threshold ");
    const range = add(l, "input", "vertical-align:middle;width:14em");
    Object.assign(range, { type: "range", min: 0, max: links.length - 1, value: 0 });
    const said = add(l, "span", "margin-left:.6em");
    const cut = () => {
      kept = links.length - Number(range.value);
      said.textContent = `${number(Math.abs(d.links[kept - 1][2]))} ${d.unit}: ${kept} of ${links.length} ${d.what}`;
      paint(held);
    };
    range.addEventListener("input", cut);
    cut();
  };

  // grid is several figures in one drawing: values under the pointer in all maps.
  const grid = (box, svg, d, tips) => {
    const all = [];
    for (const f of d.figures) {
      if (!f.d || !f.d.panels) continue;
      for (const p of f.d.panels) { p.x += f.x; p.y += f.y; }
      heat(box, svg, f.d, tips);
      all.push(tips.at);
    }
    tips.at = (e) => all.reduce((text, at) => at(e) || text, "");
  };

  const kinds = { heat, attention, graph, grid };
  const enliven = (box) => {
    if (box.dataset.golensLive) return;
    box.dataset.golensLive = "1";
    const svg = drawing(box);
    if (!svg) return;
    const tips = hover(box, svg);
    let d = null;
    try { d = JSON.parse(box.dataset.golens || "null"); } catch { return; }
    if (d && d.v === 1 && Object.hasOwn(kinds, d.kind)) kinds[d.kind](box, svg, d, tips);
  };
  const root = document.currentScript && document.currentScript.getRootNode();
  for (const place of new Set([document, root])) {
    if (place && place.querySelectorAll) place.querySelectorAll(".golens-figure").forEach(enliven);
  }
})();
