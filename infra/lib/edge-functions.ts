/**
 * The two functions that run at the edge (CloudFront's JavaScript 2.0). Their text is what is deployed; tests run the same text.
 */

/** Images are kept under `products/`, which is also a path of the API: the public sees them below `/images`. */
export const CUT_IMAGES = `function handler(event) {
  var request = event.request;
  request.uri = request.uri.replace(/^\\/images\\//, '/');
  return request;
}
`;

/** What lies below no prefix of any service: the services' own problem, made at the edge; no origin is asked. */
export const UNKNOWN_ROUTE = `function handler(event) {
  return {
    statusCode: 404,
    statusDescription: 'Not Found',
    headers: { 'content-type': { value: 'application/problem+json' }, 'cache-control': { value: 'no-store' } },
    body: JSON.stringify({
      type: 'unknown_route',
      title: 'Unknown route',
      status: 404,
      detail: 'No route has this path. The API reference lists them all.',
      request_id: event.context.requestId
    })
  };
}
`;
