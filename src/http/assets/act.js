// What a person does about an alert: a button in its line opens the dialog, which posts to the doors for programs.
// The browser adds the key that the page was opened with; the server takes it from our own pages only.
import { announce } from "./announce.js";

const dialog = document.getElementById("act");
const form = dialog.querySelector("form");
const trouble = document.getElementById("act-trouble");
const nameKept = "waymark-who";

const titles = { acknowledge: "Take over", silence: "Silence", unsilence: "End silence" };
const said = { acknowledge: "Taken over", silence: "Silenced", unsilence: "The silence has ended" };
let asked = {};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button !== null) open(button.dataset);
  if (event.target.closest("[data-close]") !== null) dialog.close();
});

function open(dataset) {
  asked = { ...dataset };
  form.reset();
  form.by.value = localStorage.getItem(nameKept) ?? "";
  trouble.textContent = "";
  document.getElementById("act-title").textContent = titles[asked.act];
  document.getElementById("act-about").textContent = asked.about;
  form.querySelector(".main").textContent = titles[asked.act];
  for (const label of form.querySelectorAll("[data-for]")) {
    label.hidden = !label.dataset.for.split(" ").includes(asked.act);
    for (const field of label.querySelectorAll("input, select")) field.disabled = label.hidden;
  }
  dialog.showModal();
  (form.by.value === "" || form.why.disabled ? form.by : form.why).focus();
}

/** The server's clock, as it was heard last. */
const untilOf = (minutes) => new Date(Date.parse(document.body.dataset.now) + minutes * 60_000).toISOString();

function requestOf({ act, alert, rule, city, silence }, { by, why, scope, minutes }) {
  if (act === "acknowledge") return ["acknowledgements", { alert_id: alert, by, why }];
  if (act === "unsilence") return [`silences/${encodeURIComponent(silence)}/end`, { by }];
  const covered = { rule: scope === "city" ? "*" : rule, city: scope === "rule" ? "*" : city };
  return ["silences", { ...covered, by, why, until: untilOf(Number(minutes)) }];
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const main = form.querySelector(".main");
  if (main.disabled) return;
  const given = Object.fromEntries(new FormData(form));
  const [path, body] = requestOf(asked, given);
  main.disabled = true;
  trouble.textContent = "";
  try {
    const response = await fetch(`/v1/alerts/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) {
      localStorage.setItem(nameKept, given.by);
      dialog.close();
      announce(`${said[asked.act]}: ${asked.about}`);
    } else {
      const { error } = await response.json();
      trouble.textContent = error.message;
    }
  } catch {
    trouble.textContent = "No answer came. Nothing is lost by trying again.";
  } finally {
    main.disabled = false;
  }
});
