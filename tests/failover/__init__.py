"""`make failover`: a real cluster of Patroni, etcd and HAProxy loses its leader under load."""
