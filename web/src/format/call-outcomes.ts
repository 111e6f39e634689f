// How a call to the model ended, in words. The ledger and the retry notes store the keys.

const LABELS: Readonly<Record<string, string>> = {
  authentication: "the provider did not accept the API key",
  bad_request: "the provider rejected the request",
  billing: "the provider has a billing problem",
  cancelled: "cancelled",
  connection: "the connection to the model was lost",
  empty: "the answer was empty",
  endless: "the answer was longer than any may be",
  garbled: "the answer could not be parsed",
  interrupted: "the server restarted",
  no_answer: "the output limit was used up by reasoning",
  not_found: "the provider does not know the model",
  overloaded: "the model is overloaded",
  permission: "the API key may not use the model",
  rate_limited: "the provider’s rate limit is reached",
  refusal: "stopped by the provider’s safety system",
  server_error: "the provider had an internal error",
  spend_cap: "the provider’s spend limit is reached",
  timeout: "the model stopped answering",
  too_large: "too large to send",
  unfinished: "the answer ended before it was complete",
};

/** Outcomes of a newer server, which are unknown here, are shown by their key. */
export function outcomeLabel(outcome: string): string {
  return LABELS[outcome] ?? outcome.replace(/_/g, " ");
}

/** The same with a capital letter, for the start of a line. */
export function outcomeTitle(outcome: string): string {
  return capitalize(outcomeLabel(outcome));
}

export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
