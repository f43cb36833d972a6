// Prints how many milliseconds ago its messages say that they were sent.
export const handler = async (event) => {
  const now = performance.timeOrigin + performance.now();
  for (const record of event.Records) console.log(`started after ${now - Number(record.body)} ms`);
};
