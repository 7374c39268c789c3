// Shows the OpenAPI document with Swagger UI, whose script the page has loaded before.
"use strict";

SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", tryItOutEnabled: true, validatorUrl: null });
