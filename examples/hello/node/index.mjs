// Answers HTTP requests (payload format 2.0) and direct invocations alike.
export const handler = async (event, context) => {
  const name = event.queryStringParameters?.name ?? event.name ?? "world";
  console.log("greeting", name);
  return { message: `${process.env.GREETING}, ${name}`, from: "node", request: context.awsRequestId };
};
