/** Copies text. Plain-http hosts have no clipboard API: there a selection is copied. */
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
    // Deprecated, and the only way without a secure context.
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}
