import os

from locust import HttpUser, constant, task


class Shopper(HttpUser):
    wait_time = constant(0.2)

    def on_start(self):
        self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

    @task
    def shelf(self):
        self.client.get("/shelf")
