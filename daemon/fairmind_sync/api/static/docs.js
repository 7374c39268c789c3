// Shows the OpenAPI document with Swagger UI, whose script the page has loaded before, in the page's colour scheme.
"use strict";

const scheme = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", scheme.matches);
scheme.addEventListener("change", follow);
follow();
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", tryItOutEnabled: true, validatorUrl: null });
