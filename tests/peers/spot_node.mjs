// Drives the vendor's own Node client, unchanged, against a Spot API.
//
// Usage: node spot_node.mjs BASE_URL PACKAGES, where PACKAGES is the directory that `npm install` of package.json ran in.
// Prints one line a check, and ends with a non-zero status at the first one that fails.

import { createRequire } from "node:module";
import path from "node:path";

const [baseUrl, packages] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(packages), "index.js"));
const spotinst = require("spotinst-sdk-nodejs");

function check(what, holds, seen) {
  console.log(`${holds ? "ok" : "FAILED"}: ${what}`);
  if (!holds) {
    console.error("saw:", JSON.stringify(seen));
    process.exit(1);
  }
}

const { protocol, host } = new URL(baseUrl);
const client = new spotinst.Client(
  spotinst.config.setScheme(protocol.replace(":", "")),
  spotinst.config.setAPIAddress(host),
  spotinst.config.setToken("peer-token"),
  spotinst.config.setAccount("act-12345678"),
);
const groups = client.AwsGroupService;

const [created] = await groups.create({
  group: {
    name: "peer__1",
    capacity: { minimum: 0, target: 2, maximum: 4, unit: "instance" },
    strategy: { risk: 100 },
    compute: { product: "Linux/UNIX", launchSpecification: { imageId: "ami-1", healthCheckType: "EC2" } },
  },
});
check("create answers with the group and an id", created.id.startsWith("sig-"), created);
const listed = await groups.list();
check("list has the group", listed.some((group) => group.id === created.id), listed);
const [read] = await groups.read({ id: created.id });
check("read gives what create gave", JSON.stringify(read) === JSON.stringify(created), read);
const [updated] = await groups.update({ group: { id: created.id, name: "peer__2", strategy: { risk: null } } });
check("update changes a field", updated.name === "peer__2", updated);
check("update with null removes a field", !("risk" in updated.strategy), updated);
const status = await groups.status({ id: created.id });
check("status has a row an instance", status.length === 2 && status.every((row) => row.instanceId), status);
await groups.delete({ id: created.id });
check("delete answers", true);
const refusal = await groups.read({ id: created.id }).then(() => "", String);
check("read of a missing group is refused with GROUP_DOESNT_EXIST", refusal.includes("GROUP_DOESNT_EXIST"), refusal);
