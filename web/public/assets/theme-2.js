try {
  const base = new URL("..", document.currentScript.src).pathname.slice(0, -1);
  const chosen = localStorage.getItem(base === "" ? "palaver.theme" : `palaver${base}:theme`);
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be blocked; the system theme is a fine answer.
}
