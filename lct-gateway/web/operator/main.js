// Starts the operators' page.

import { startPage } from '/common/html.js';
import { Model } from '/model.js';
import { App } from '/views/app.js';

startPage(Model, App);
