(() => {
  const box = document.querySelector("input");
  const rows = [...document.querySelectorAll("li[data-text]")];
  const none = document.querySelector(".none");
  const find = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const r of rows) {
      const all = r.textContent.toLowerCase() + " " + r.dataset.text;
      r.hidden = !words.every((w) => all.includes(w));
      shown += !r.hidden;
    }
    none.hidden = shown > 0;
    history.replaceState(null, "", box.value ? "#" + encodeURIComponent(box.value) : location.pathname);
  };
  box.parentNode.hidden = false;
  box.value = decodeURIComponent(location.hash.slice(1));
  box.addEventListener("input", find);
  find();
})();
