// Keeps an open page fresh. A hint from /events, or every 15 seconds, the page asks for
// itself again and replaces its parts marked data-swap. Without this script the pages
// work all the same.
"use strict";
(() => {
  if (document.body.dataset.live !== "on") return;

  const live = document.getElementById("live");
  const say = (on) => {
    live.textContent = on ? live.dataset.fresh : live.dataset.lost;
    live.className = on ? "on" : "off";
  };

  // A page that shows personal data is the answer to a POST: it leaves by itself.
  const revealed = document.querySelector("[data-revealed]");
  if (revealed) {
    setTimeout(() => location.replace(location.pathname.replace(/\/reveal$/, "")), 60000);
    live.hidden = true;
    return;
  }

  let busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign("/login"); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of fresh.querySelectorAll("[data-swap]")) {
          const old = document.querySelector('[data-swap="' + part.dataset.swap + '"]');
          // A button under somebody's finger stays where it is.
          if (old && !old.contains(document.activeElement) && old.innerHTML !== part.innerHTML) old.replaceWith(part);
        }
      }
    } catch (_) {
      say(false);
    } finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 500); }
    }
  };

  const events = new EventSource("/events");
  events.onopen = () => say(true);
  events.onerror = () => say(false);
  events.onmessage = refresh;
  setInterval(refresh, 15000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
})();
