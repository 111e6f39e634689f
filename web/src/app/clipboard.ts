/** Copies text; on plain-http hosts, where the clipboard API is missing, by way of a selection. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    // Deprecated, and the only way left without a secure context.
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
