// How many random cases a property is tried with, where BASE_KIT_RANDOM_CASES says it: `npm run test:unit` asks for few.
const cases = Number(process.env.BASE_KIT_RANDOM_CASES ?? "");
if (cases > 0) {
  const { default: fc } = await import("fast-check");
  fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: cases });
}
