// What makes a person's page kinder; every page works without it.
//
// Forms are sent once, and say so. The focus goes to the error summary or the heading. The answer
// to a client is sent on by itself. Before the person leaves for the camera page, the page says what
// can be told about the camera without asking for it. Before the time runs out, the page says so.

"use strict";

const WARN_BEFORE = 60; // seconds; WCAG 2.2, success criterion 2.2.1, asks for at least 20
const GIVE_UP_AFTER = 15000; // milliseconds until an unanswered button can be pressed again

const agent = navigator.userAgent;

/** The name used by camera_help.html for the browser in use, or "" where we cannot tell. */
function browserName() {
  if (isInApp()) return "in-app";
  if (/Firefox|FxiOS/.test(agent)) return "firefox";
  if (/Edg(e|A|iOS)?\//.test(agent)) return "edge";
  if (/Android/.test(agent)) return "android";
  // An iPad asks for desktop pages by calling itself a Mac; only it has a touch screen.
  if (/iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1)) return "safari-iphone";
  if (/Chrome\//.test(agent)) return "chrome";
  if (/Safari\//.test(agent)) return "safari-mac";
  return "";
}

/** Whether the page seems to be shown inside another app, where the camera is usually kept away. */
function isInApp() {
  const named = /FBAN|FBAV|Instagram|LinkedInApp|Line\/|MicroMessenger|Snapchat|musical_ly|BytedanceWebview|GSA\//;
  const androidView = /; wv\)/;
  const appleView = /(iPhone|iPad|iPod)(?!.*Safari\/)/;
  return named.test(agent) || androidView.test(agent) || appleView.test(agent);
}

/** Show the hidden notice `box` with `words` in it; the live region inside announces them. */
function tell(box, words) {
  box.hidden = false;
  box.querySelector("[data-message]").textContent = words;
}

function sendFormsOnce() {
  const forms = [...document.querySelectorAll("form[data-once]")];
  const status = document.querySelector(".status");
  let patience = 0;
  const settle = (busy, words) => {
    window.clearTimeout(patience);
    for (const form of forms) {
      form.dataset.busy = busy ? "yes" : "";
      // Not `disabled`: that would take the focus away from the button somebody has just pressed.
      for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", String(busy));
    }
    if (status) status.textContent = words;
  };
  for (const form of forms) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.busy === "yes") {
        event.preventDefault();
        return;
      }
      settle(true, form.dataset.once);
      patience = window.setTimeout(() => settle(false, "This takes longer than usual. You can try again."), GIVE_UP_AFTER);
    });
  }
  // A page kept by the browser comes back as it was left: with its buttons busy.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) settle(false, "");
  });
}

function placeFocus() {
  if (location.hash) return;
  const target = document.querySelector("[data-focus]") || document.querySelector("h1");
  if (target) target.focus({ preventScroll: true });
}

function openHelpForThisBrowser() {
  const helps = document.querySelector("[data-browser-help]");
  const mine = helps && helps.querySelector(`[data-browser="${browserName()}"]`);
  if (mine) {
    mine.open = true;
    helps.prepend(mine);
  }
}

/** What stands in the camera's way as far as it can be told without asking for the camera; or "". */
async function cameraProblem() {
  if (isInApp()) {
    return "This page is open inside another app, where the camera may not work. If it doesn’t, open the page where you sign in with Chrome, Safari, Edge or Firefox.";
  }
  const devices = window.isSecureContext && navigator.mediaDevices;
  if (!devices || !devices.enumerateDevices) {
    return "This browser can’t use a camera here. Try another browser, or another way to sign in.";
  }
  try {
    const found = await devices.enumerateDevices();
    if (!found.some((device) => device.kind === "videoinput")) {
      return "We can’t find a camera on this device. Plug one in or open its shutter, or use another device.";
    }
    const permission = await navigator.permissions.query({ name: "camera" });
    if (permission.state === "denied") {
      return "Your browser may be set to block the camera. If it doesn’t start, allow it for the camera page.";
    }
  } catch {
    return ""; // an older browser that cannot say: the camera page will ask
  }
  return "";
}

async function checkCamera() {
  const box = document.querySelector("[data-camera-check]");
  if (!box) return;
  const words = await cameraProblem();
  if (words) tell(box, words);
}

function warnBeforeExpiry() {
  const box = document.querySelector("[data-expires-in]");
  if (!box) return;
  // By the clock, not by a long timer: a sleeping computer stops timers.
  const end = Date.now() + Number(box.dataset.expiresIn) * 1000;
  let told = "";
  const look = () => {
    const left = (end - Date.now()) / 1000;
    const state = left <= 0 ? "over" : left <= WARN_BEFORE ? "soon" : "";
    if (state !== told) {
      told = state;
      tell(box, state === "over"
        ? box.dataset.over
        : "This page can be used for about one more minute.");
    }
    if (state === "over") window.clearInterval(timer);
  };
  const timer = window.setInterval(look, 1000);
  look();
}

function localiseTimes() {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[data-local]")) {
    time.textContent = format.format(new Date(time.dateTime));
  }
}

const returning = document.querySelector("form[data-auto-submit]");
if (returning) {
  // Through the prototype: a field of the client's may be called "submit".
  HTMLFormElement.prototype.submit.call(returning);
} else {
  placeFocus();
}
sendFormsOnce();
openHelpForThisBrowser();
checkCamera();
warnBeforeExpiry();
localiseTimes();
