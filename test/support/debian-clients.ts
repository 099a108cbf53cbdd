/** The images of `npm run test:clients`, and the scripts beside its tests as its workstation sees them. */
import { join } from "node:path";
import { ROOT } from "../../scripts/places.ts";
import { buildClientImages } from "./client-images.ts";

export const buildDebianClientImages = () =>
  buildClientImages({ name: "clients", dockerfile: "test/clients/Dockerfile" });

/** A bind of test/clients/with to /with. */
export const WITH_SCRIPTS = `${join(ROOT, "test/clients/with")}:/with:ro`;
