// Checks pages that blotter wrote: `node tests/pages/check.mjs [--pictures FOLDER] PAGE.html…`.
//
// Each page must be valid HTML, ask nobody for anything, be readable without scripts, fit a phone and a desk, and pass the
// accessibility rules of axe in light and dark. Exits 1 after naming every fault.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { HtmlValidate } from "html-validate";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const args = process.argv.slice(2);
const pictures = args[0] === "--pictures" ? args.splice(0, 2)[1] : null;
const faults = [];
const fault = (page, what) => faults.push(`${path.basename(page)}: ${what}`);

const validator = new HtmlValidate({
  extends: ["html-validate:recommended"],
  // Matters of taste: inline style is what keeps the page in one file, and the order of attributes harms nobody.
  rules: { "no-inline-style": "off", "require-sri": "off", "long-title": "off", "no-trailing-whitespace": "off", "doctype-style": "off" },
});
for (const page of args) {
  const report = await validator.validateFile(page);
  for (const message of report.results.flatMap((r) => r.messages)) {
    fault(page, `${message.line}:${message.column} ${message.ruleId}: ${message.message}`);
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let looks = 0;
for (const page of args) {
  for (const width of [390, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, deviceScaleFactor: 1 });
      const tab = await context.newPage();
      const asked = [];
      tab.on("request", (r) => asked.push(r.url()));
      const url = pathToFileURL(path.resolve(page)).href;
      await tab.goto(url, { waitUntil: "load" });
      for (const other of asked.filter((u) => u !== url && !u.startsWith("data:"))) fault(page, `asks for ${other}`);
      if ((await tab.locator("script").count()) > 0) fault(page, "has a script");
      const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) fault(page, `is ${wide} pixels too wide at ${width}`);
      await tab.evaluate(axe);
      const found = await tab.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      for (const v of found.violations) {
        const nodes = v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join("; ");
        fault(page, `${width} ${colorScheme}: ${v.id} (${v.impact}): ${v.help}: ${v.nodes.length} at ${nodes}`);
      }
      if (pictures) {
        const name = `${path.basename(path.resolve(page, "../../.."))}-${path.basename(page, ".html")}-${width}-${colorScheme}.png`;
        await tab.screenshot({ path: path.join(pictures, name), fullPage: true });
      }
      looks += 1;
      await context.close();
    }
  }
}
await browser.close();
for (const line of faults) console.log(`FAIL  ${line}`);
console.log(`pages: ${args.length} pages, ${looks} looks, ${faults.length} faults`);
process.exit(faults.length === 0 && args.length > 0 ? 0 : 1);
