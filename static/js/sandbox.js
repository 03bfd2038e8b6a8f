// Shows the person their own camera, for the feel of it. No picture is kept, sent or looked at.
"use strict";

const finder = document.querySelector("[data-camera]");
const preview = document.querySelector("[data-preview]");
const status = document.querySelector("[data-status]");
const start = document.querySelector("[data-start]");

// Without a secure context there is no mediaDevices; the page then stays as it is without a script.
if (finder && navigator.mediaDevices?.getUserMedia) {
  start.hidden = false;
  status.textContent = "Your camera is off.";
  start.addEventListener("click", showCamera);
}

async function showCamera() {
  start.disabled = true;
  status.textContent = "Waiting for your camera…";
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
    preview.srcObject = stream;
    preview.hidden = false;
    await preview.play();
    finder.classList.add("live");
    status.textContent = "Only you see this.";
    start.hidden = true;
    addEventListener("pagehide", () => stream.getTracks().forEach((track) => track.stop()));
  } catch {
    preview.hidden = true;
    start.disabled = false;
    start.textContent = "Try the camera again";
    status.textContent = "The camera cannot be used. The check works without it.";
  }
}
