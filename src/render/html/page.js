"use strict";
// Shows the rows that are asked for: by result, by words, and by the fragment of the address, so that a view can be linked to:
// #failed, or #show=failed&text=rack-1.
const results = ["all", "failed", "unknown", "passed"];
const rows = Array.from(document.querySelectorAll("tr[data-result]"));
const words = rows.map((row) => row.textContent.toLowerCase());
const buttons = Array.from(document.querySelectorAll("button[data-show]"));
const field = document.getElementById("text");
const shown = document.getElementById("shown");
let show = "all";

function apply() {
  const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, at) => {
    const fits = (show === "all" || row.dataset.result === show) && wanted.every((word) => words[at].includes(word));
    row.hidden = !fits;
    count += fits ? 1 : 0;
  });
  buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.show === show)));
  shown.textContent = `${count} of ${rows.length} nodes shown`;
}

function remember() {
  const parts = [];
  if (show !== "all") parts.push(`show=${show}`);
  if (field.value) parts.push(`text=${encodeURIComponent(field.value)}`);
  try {
    history.replaceState(null, "", `#${parts.join("&")}`);
  } catch {
    // Some places where a file is shown keep its address as it is.
  }
}

function read() {
  const fragment = location.hash.slice(1);
  const asked = new URLSearchParams(results.includes(fragment) ? `show=${fragment}` : fragment);
  if (asked.has("show") || asked.has("text")) {
    show = results.includes(asked.get("show")) ? asked.get("show") : "all";
    field.value = asked.get("text") ?? "";
  }
  apply();
}

if (field) {
  document.querySelectorAll(".controls").forEach((controls) => { controls.hidden = false; });
  buttons.forEach((button) => button.addEventListener("click", () => {
    show = button.dataset.show;
    apply();
    remember();
  }));
  field.addEventListener("input", () => {
    apply();
    remember();
  });
  window.addEventListener("hashchange", read);
  read();
}
