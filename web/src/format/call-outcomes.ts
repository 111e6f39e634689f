// How a call to the model ended, in words. The ledger and the retry notes name it by one word for machines.

const WORDS: Readonly<Record<string, string>> = {
  authentication: "the provider did not accept the API key",
  bad_request: "the provider rejected the request",
  billing: "the provider has a billing problem",
  cancelled: "stopped by somebody",
  connection: "the connection to the model broke off",
  empty: "the answer was empty",
  garbled: "the answer could not be understood",
  interrupted: "the server was restarted meanwhile",
  no_answer: "all the words went into thinking",
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

/** Unknown outcomes, of a newer server, are shown as they are named. */
export function outcomeWords(outcome: string): string {
  return WORDS[outcome] ?? outcome.replace(/_/g, " ");
}

/** The same as the beginning of a line. */
export function outcomeTitle(outcome: string): string {
  return capital(outcomeWords(outcome));
}

export function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
