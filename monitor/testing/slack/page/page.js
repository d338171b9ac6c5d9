// Shows what the local Slack says is in the window, and tells it what the person does. Texts are put in as texts only.

const token = document.querySelector("meta[name=token]").content;
const page = document.getElementById("page");
const notice = document.getElementById("notice");
const here = new URL(location.href);
const base = here.pathname.replace(/\/$/, "");
const shown = { tree: null, seen: "", user: "" };
let poll = new AbortController();

// --- the window ------------------------------------------------------------------------------------------------

const key = (tree) => (typeof tree === "string" ? undefined : tree[1].id);
const alike = (one, other) =>
  typeof one === "string" || typeof other === "string"
    ? typeof one === typeof other
    : one[0] === other[0] && key(one) === key(other);

function built(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, attributes, ...children] = tree;
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) attribute(node, name, value);
  node.append(...children.map(built));
  return node;
}

function attribute(node, name, value) {
  node.setAttribute(name, value);
  if (name === "data-colour") node.style.borderColor = value;
}

// Change only what differs, so that a menu that is open, a field half filled in and the place one reads at stay.
function changed(node, old, tree) {
  if (JSON.stringify(old) === JSON.stringify(tree)) return;
  if (typeof tree === "string") {
    node.data = tree;
    return;
  }
  const [, before, ...olds] = old;
  const [, after, ...news] = tree;
  for (const name of Object.keys(before)) if (!(name in after)) node.removeAttribute(name);
  for (const [name, value] of Object.entries(after)) if (before[name] !== value) attribute(node, name, value);
  const left = olds.map((each, place) => [each, node.childNodes[place]]);
  let cursor = node.firstChild;
  for (const each of news) {
    const place = left.findIndex(([other]) => alike(other, each));
    const [[other, kept]] = place < 0 ? [[null, built(each)]] : left.splice(place, 1);
    if (other !== null) changed(kept, other, each);
    if (kept === cursor) cursor = cursor.nextSibling;
    else node.insertBefore(kept, cursor);
  }
  for (const [, gone] of left) gone.remove();
}

function show(state) {
  const modal = page.querySelector(".shade")?.id;
  const replies = page.querySelector(".replied");
  const low = replies && replies.scrollHeight - replies.scrollTop - replies.clientHeight < 40;
  if (shown.tree === null) page.replaceChildren(built(state.tree));
  else changed(page.firstChild, shown.tree, state.tree);
  Object.assign(shown, state);
  const opened = page.querySelector(".shade");
  if (opened && opened.id !== modal) (opened.querySelector("[autofocus]") ?? opened.querySelector("[name]"))?.focus();
  if (low) replies.scrollTop = replies.scrollHeight;
}

// --- keeping up ------------------------------------------------------------------------------------------------

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

async function look() {
  const asked = new URLSearchParams({
    as: here.searchParams.get("as") ?? "",
    thread: here.searchParams.get("thread") ?? "",
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "",
    seen: shown.seen,
  });
  const answer = await fetch(`${base}/now?${asked}`, { headers: { "X-Page-Token": token }, signal: poll.signal });
  if (answer.status === 403) return location.reload();
  if (!answer.ok) throw new Error(await answer.text());
  const state = await answer.json();
  if (state.seen !== shown.seen) show(state);
  if (document.body.classList.replace("lost", "found")) tell("");
}

async function keepUp() {
  for (;;) {
    try {
      await look();
    } catch (error) {
      if (error.name === "AbortError") continue;
      document.body.classList.add("lost");
      document.body.classList.remove("found");
      tell("The local Slack does not answer. Trying again…");
      await pause(1);
    }
  }
}

function turn(name, value) {
  if (value) here.searchParams.set(name, value);
  else here.searchParams.delete(name);
  history.replaceState(null, "", here);
  poll.abort();
  poll = new AbortController();
}

// --- what the person does --------------------------------------------------------------------------------------

let telling;
function tell(text) {
  notice.textContent = text;
  clearTimeout(telling);
  if (text && !document.body.classList.contains("lost")) telling = setTimeout(() => tell(""), 8000);
}

async function act(kind, told, source) {
  source?.classList.add("busy");
  try {
    const answer = await fetch(`${base}/act`, {
      method: "POST",
      headers: { "X-Page-Token": token, "Content-Type": "application/json" },
      body: JSON.stringify({ kind, user: shown.user, ...told }),
    });
    if (answer.status === 403) return location.reload();
    if (!answer.ok) throw new Error(await answer.text());
    const result = await answer.json();
    tell(result.error);
    return result;
  } catch (error) {
    tell(`That did not get through: ${error.message}`);
  } finally {
    source?.classList.remove("busy");
  }
}

function element(tag, text, of = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...of });
}

// What Slack asks before it does something that says `confirm`.
function sure(node) {
  const words = JSON.parse(node.dataset.confirm ?? "null");
  if (!words) return Promise.resolve(true);
  const dialog = element("dialog", "", { className: "modal" });
  const form = element("form", "", { method: "dialog" });
  const deny = element("button", words.deny, { className: "button plain", value: "" });
  const confirm = element("button", words.confirm, { className: "button primary", value: "yes" });
  const footer = element("footer", "");
  footer.append(deny, confirm);
  form.append(element("h2", words.title), element("p", words.text), footer);
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    }),
  );
}

async function press(node, value) {
  const message = node.closest("[data-ts]")?.dataset.ts;
  if (!message || node.classList.contains("busy") || !(await sure(node))) return;
  await act("click", { message, action: node.dataset.act, value }, node);
  if (node.matches("select")) node.value = "";
}

function values(form) {
  const data = new FormData(form);
  const found = {};
  for (const field of form.querySelectorAll("[name]")) {
    const given = data.getAll(field.name);
    if (field.type === "datetime-local") found[field.name] = String(Math.floor(new Date(given[0]) / 1000));
    else if ("several" in field.dataset) found[field.name] = given;
    else if (given.length) found[field.name] = given[0];
    const empty = ["", "NaN"].includes(found[field.name]) && !field.matches("textarea, [type=text]");
    if (empty || found[field.name]?.length === 0) delete found[field.name];
  }
  return found;
}

async function send(form) {
  const result = await act("submit", { view: form.dataset.view, values: values(form) }, form);
  for (const place of form.querySelectorAll("[data-wrong]"))
    place.textContent = result?.fields[place.dataset.wrong] ?? "";
}

async function say(form) {
  const text = form.elements.text.value;
  form.elements.text.value = "";
  await act("say", { text, thread: form.dataset.say });
}

page.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  if ("view" in form.dataset) send(form);
  else if ("say" in form.dataset) say(form);
});

page.addEventListener("click", (event) => {
  for (const open of page.querySelectorAll("details[open]"))
    if (!open.contains(event.target) || event.target.matches(".option")) open.open = false;
  const thread = event.target.closest("[data-thread]");
  if (thread) return turn("thread", thread.dataset.thread);
  const closing = event.target.closest("[data-dismiss]");
  if (closing) return act("dismiss", { view: closing.closest("[data-view]").dataset.view });
  const node = event.target.closest("button[data-act], a[data-act]");
  if (node) press(node, node.dataset.value);
});

// A menu near the lower end opens upwards.
page.addEventListener(
  "toggle",
  ({ target }) => {
    const menu = target.querySelector(".menu");
    const end = target.closest(".scroll, .replied, .inner")?.getBoundingClientRect().bottom ?? innerHeight;
    menu.classList.toggle("up", target.open && target.getBoundingClientRect().bottom + menu.offsetHeight > end);
  },
  true,
);

page.addEventListener("change", (event) => {
  const node = event.target;
  if (node.matches("[data-reader]")) return turn("as", node.value);
  if (!node.matches("[data-act]") || !node.closest("[data-ts]") || node.value === "") return;
  press(node, node.type === "datetime-local" ? String(Math.floor(new Date(node.value) / 1000)) : node.value);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  const modal = page.querySelector("[data-view]");
  if (modal) act("dismiss", { view: modal.dataset.view });
  else if (page.querySelector(".thread")) turn("thread", "");
});

keepUp();
