try {
  const chosen = localStorage.getItem("palaver.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be blocked; the system theme is a fine answer.
}
