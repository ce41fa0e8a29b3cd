module locust-operator/e2e/target

go 1.26.0
