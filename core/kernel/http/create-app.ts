import { App, type AppDeps } from './app.ts';
import { answerError, answerUnknown, edge } from './edge.ts';
import { gate } from './gate.ts';
import { mountStandardRoutes } from './standard.routes.ts';

/**
 * Makes the app of a process. Every request passes `edge` (ids, trace, metrics), then `gate` (token, body, time-out),
 * then its route; what the route throws or refuses becomes a problem document.
 */
export function createApp(deps: AppDeps): App {
  const app = new App(deps);
  app.use('*', edge(app));
  app.use('*', gate(app));
  app.onError((error, c) => answerError(app, error, c));
  app.notFound((c) => answerUnknown(app, c));
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  mountStandardRoutes(app);
  return app;
}
