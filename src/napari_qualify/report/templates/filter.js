"use strict";
(function () {
  const bar = document.querySelector(".filters");
  if (!bar) return;
  bar.hidden = false;
  const buttons = [...bar.querySelectorAll("button")];
  const box = bar.querySelector("input");
  const shown = bar.querySelector(".shown");
  const items = [...document.querySelectorAll("[data-verdict]")];
  const rows = items.filter((item) => item.tagName === "TR").length;
  let verdict = "";
  function update() {
    const words = box.value.toLowerCase();
    let count = 0;
    for (const item of items) {
      const keep = (!verdict || item.dataset.verdict === verdict) &&
        item.dataset.name.toLowerCase().includes(words);
      item.hidden = !keep;
      if (keep && item.tagName === "TR") count += 1;
    }
    shown.textContent = count === rows ? "" : count + " of " + rows + " shown";
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      verdict = button.dataset.show;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      update();
    });
  }
  box.addEventListener("input", update);
})();
