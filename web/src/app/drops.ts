/** A file or link that is dropped beside a text field must not replace the page: a browser would open it here. */
export function refuseDrops(view: Window): void {
  const refuse = (event: DragEvent) => {
    const hasFiles = event.dataTransfer?.types.includes("Files") ?? false;
    const isField = event.target instanceof Element && event.target.closest("textarea, input") !== null;
    // A text field inserts dropped text, but it opens a dropped file.
    if (isField && !hasFiles) return;
    event.preventDefault();
    if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "none";
  };
  view.addEventListener("dragover", refuse);
  view.addEventListener("drop", refuse);
}
