-- Run once by the image of PostgreSQL, while its volume is new: makes the nodes' own user, who may do
-- nothing but what it owns, and its database. The administrator is reached from within the container
-- only: docker compose exec database psql --username=postgres
\getenv password POSTGRES_PASSWORD
CREATE ROLE firesteel LOGIN PASSWORD :'password';
CREATE DATABASE firesteel OWNER firesteel ENCODING 'UTF8' TEMPLATE template0;
ALTER ROLE postgres PASSWORD NULL;
