-- The demo's ERP: a small database as one finds it at a trading company.

create table item (
    item_no text primary key,
    description text not null
);

create table item_price (
    item_no text not null references item,
    currency text not null,
    price numeric not null,
    primary key (item_no, currency)
);

create table stock (
    item_no text not null references item,
    warehouse text not null,
    quantity integer not null,
    primary key (item_no, warehouse)
);

create table customer (
    customer_no integer primary key autoincrement,
    name text not null,
    city text not null,
    request_id text unique  -- the message that made it: the same message never makes a second one
);

create table work_order (
    line_no integer primary key autoincrement,
    order_no text not null,
    customer_no integer not null,
    description text not null
);

insert into item (item_no, description) values
    ('A-100', 'Hex bolt M8 x 40, box of 100'),
    ('A-200', 'Washer M8, box of 500'),
    ('B-300', 'Angle bracket 60 mm');

insert into item_price (item_no, currency, price) values
    ('A-100', 'EUR', 12.5), ('A-100', 'SEK', 139), ('A-100', 'USD', 13.75),
    ('A-200', 'EUR', 4.2), ('A-200', 'SEK', 46.5), ('A-200', 'USD', 4.6),
    ('B-300', 'EUR', 2.95), ('B-300', 'SEK', 33), ('B-300', 'USD', 3.25);

insert into stock (item_no, warehouse, quantity) values
    ('A-100', 'KAL', 40), ('A-100', 'MMA', 12),
    ('A-200', 'KAL', 900);

insert into customer (customer_no, name, city) values (1000, 'Nordic Fittings AB', 'Kalmar');
