// Writes the types of the HTTP API from openapi.json, which `palaver openapi` prints and a test holds to the server.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const document = JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8"));
const types = await openapiTS(document, {
  immutable: true,
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
  defaultNonNullable: false,
  emptyObjectsUnknown: true,
});
writeFileSync(new URL("../src/transport/generated.ts", import.meta.url), astToString(types));
