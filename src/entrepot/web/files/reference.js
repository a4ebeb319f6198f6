// Draws the OpenAPI document. The page has its main and its h1 already: what is drawn stands below them.
const BELOW = { main: "div", h3: "h2", h4: "h3", h5: "h4" };

function below({ React }) {
  const create = React.createElement;
  React.createElement = (kind, given, ...rest) => {
    const named = kind === "textarea" ? { "aria-label": "Request body", ...given } : given;
    return create(BELOW[kind] ?? kind, named, ...rest);
  };
  return {};
}

window.SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#reference",
  plugins: [below],
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
  persistAuthorization: false,
  syntaxHighlight: { activated: false },
});
