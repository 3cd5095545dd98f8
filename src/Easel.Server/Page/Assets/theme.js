// Runs before anything is painted, so that a dark page never flashes white.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("easel.theme"); } catch { /* a browser that remembers nothing */ }
  const show = () => {
    const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    root.dataset.theme = theme;
  };
  show();
  dark.addEventListener("change", show);
  document.addEventListener("click", e => {
    if (!e.target.closest?.("[data-theme-switch]")) return;
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    // Back to what the system says is back to following it.
    chosen = next === (dark.matches ? "dark" : "light") ? null : next;
    try { chosen ? localStorage.setItem("easel.theme", chosen) : localStorage.removeItem("easel.theme"); } catch { /* as above */ }
    show();
  });
  document.addEventListener("easel-theme", e => {
    chosen = e.detail === "light" || e.detail === "dark" ? e.detail : null;
    try { chosen ? localStorage.setItem("easel.theme", chosen) : localStorage.removeItem("easel.theme"); } catch { /* as above */ }
    show();
  });
  // A server that was started anew knows nothing of this tab: begin again with it.
  document.addEventListener("components-reconnect-state-changed", e => {
    if (e.detail?.state === "rejected" || e.detail?.state === "resume-failed") location.reload();
  }, true);
})();
