"""The questions, each with a statement of ours that answers it: it runs, and returns rows (tests/unit/test_bench_sql.py)."""

from typing import NamedTuple

__all__ = ["QUESTIONS", "Question"]


class Question(NamedTuple):
    """One question on one database."""

    database: str
    text: str
    sql: str


_SHOP = """
How many customers are there? | SELECT count(*) FROM customer
List the names of all products. | SELECT name FROM product
What are the names of the customers who live in Vienna? | SELECT name FROM customer WHERE city = 'Vienna'
Which products cost more than 40? | SELECT name FROM product WHERE price > 40
What is the average price of a product? | SELECT avg(price) FROM product
How many customers live in each city? | SELECT city, count(*) FROM customer GROUP BY city
What are the names and prices of the five most expensive products? | SELECT name, price FROM product ORDER BY price DESC LIMIT 5
Which products are out of stock? | SELECT name FROM product WHERE stock = 0
How many orders were cancelled? | SELECT count(*) FROM orders WHERE status = 'cancelled'
What are the different cities that customers live in, in alphabetical order? | SELECT DISTINCT city FROM customer ORDER BY city
How many products does each category have? Show the category's name. | SELECT c.name, count(*) FROM category AS c JOIN product AS p ON p.category_id = c.id GROUP BY c.id
Which products are in the category toys? | SELECT p.name FROM product AS p JOIN category AS c ON c.id = p.category_id WHERE c.name = 'toys'
How many orders has each customer placed? Show the customer's name. | SELECT c.name, count(*) FROM customer AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id
Which customers have no email address? | SELECT name FROM customer WHERE email IS NULL
What is the total value of all items ever ordered? | SELECT sum(total) FROM order_item
Which customers have never placed an order? | SELECT name FROM customer WHERE id NOT IN (SELECT customer_id FROM orders)
What is the average number of stars of each reviewed product? Show the product's name. | SELECT p.name, avg(r.stars) FROM product AS p JOIN review AS r ON r.product_id = p.id GROUP BY p.id
Which products have never been ordered? | SELECT name FROM product WHERE id NOT IN (SELECT product_id FROM order_item)
Which three customers have spent the most? Show their names and what they spent. | SELECT c.name, sum(t.total) AS spent FROM customer AS c JOIN order_total AS t ON t.customer_id = c.id GROUP BY c.id ORDER BY spent DESC LIMIT 3
In which month of 2024 were the most orders placed? Show the month's number. | SELECT strftime('%m', ordered) AS month FROM orders GROUP BY month ORDER BY count(*) DESC LIMIT 1
Which products cost more than the average product? | SELECT name FROM product WHERE price > (SELECT avg(price) FROM product)
Which customers have placed more than five orders? | SELECT c.name FROM customer AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id HAVING count(*) > 5
"""

_LIBRARY = """
How many books are there? | SELECT count(*) FROM book
What are the titles of the books with more than 500 pages? | SELECT title FROM book WHERE pages > 500
Which authors come from Japan? | SELECT name FROM author WHERE country = 'Japan'
How many books are there of each genre? | SELECT genre, count(*) FROM book GROUP BY genre
What is the title of the oldest book? | SELECT title FROM book ORDER BY published LIMIT 1
How many members are active? | SELECT count(*) FROM member WHERE active = 1
What is the average number of pages of a crime book? | SELECT avg(pages) FROM book WHERE genre = 'crime'
How many loans haven't been returned? | SELECT count(*) FROM loan WHERE returned IS NULL
What is the sum of all fines? | SELECT sum(fine) FROM loan
Show each book's title with its author's name. | SELECT b.title, a.name FROM book AS b JOIN author AS a ON a.id = b.author_id
Which authors have no book in the library? | SELECT name FROM author WHERE id NOT IN (SELECT author_id FROM book)
How many books has each author written? Show names. | SELECT a.name, count(*) FROM author AS a JOIN book AS b ON b.author_id = a.id GROUP BY a.id
Which members have never borrowed a book? | SELECT name FROM member WHERE id NOT IN (SELECT member_id FROM loan)
Which book was borrowed most often? Show its title. | SELECT b.title FROM book AS b JOIN loan AS l ON l.book_id = b.id GROUP BY b.id ORDER BY count(*) DESC LIMIT 1
Which books were published between 1950 and 1960? Show title and year. | SELECT title, published FROM book WHERE published BETWEEN 1950 AND 1960
How many loans were there in each year? | SELECT strftime('%Y', borrowed) AS year, count(*) FROM loan GROUP BY year
Which titles contain the word Garden? | SELECT title FROM book WHERE title LIKE '%Garden%'
Which genres have an average of more than 380 pages? | SELECT genre FROM book GROUP BY genre HAVING avg(pages) > 380
"""

_FLIGHTS = """
How many flights are there? | SELECT count(*) FROM flight
List the cities of all airports in Germany. | SELECT city FROM airport WHERE country = 'Germany'
What is the highest airport? Show its code. | SELECT code FROM airport ORDER BY elevation DESC LIMIT 1
Which aircraft models have more than 150 seats? | SELECT model FROM aircraft WHERE seats > 150
What is the average price of a flight? | SELECT avg(price) FROM flight
How many flights leave from each airport? Show the airport's code. | SELECT origin, count(*) FROM flight GROUP BY origin
How many flights does each airline have? Show the airline's name. | SELECT a.name, count(*) FROM airline AS a JOIN flight AS f ON f.airline_id = a.id GROUP BY a.id
What are the numbers of the flights from OSL to LIS? | SELECT number FROM flight WHERE origin = 'OSL' AND destination = 'LIS'
Which flights were delayed by more than 40 minutes? | SELECT number FROM flight WHERE delay > 40
What is the cheapest flight? Show its number and price. | SELECT number, price FROM flight ORDER BY price LIMIT 1
How many flights have no recorded delay? | SELECT count(*) FROM flight WHERE delay IS NULL
What is the average delay of each airline? Show the name. | SELECT a.name, avg(f.delay) FROM airline AS a JOIN flight AS f ON f.airline_id = a.id GROUP BY a.id
Which airlines come from a country that has an airport? Show names. | SELECT name FROM airline WHERE country IN (SELECT country FROM airport)
What are the numbers of the flights that leave from Tokyo? | SELECT f.number FROM flight AS f JOIN airport AS a ON a.code = f.origin WHERE a.city = 'Tokyo'
How many flights are there on each day? | SELECT day, count(*) FROM flight GROUP BY day
Which flights cost more than 800? Show number and price, the dearest first. | SELECT number, price FROM flight WHERE price > 800 ORDER BY price DESC
What is the longest flight in minutes? | SELECT max(minutes) FROM flight
How many countries have an airport? | SELECT count(DISTINCT country) FROM airport
"""

_CLINIC = """
How many patients are there? | SELECT count(*) FROM patient
What are the names of the doctors who earn more than 100000? | SELECT name FROM doctor WHERE salary > 100000
Which departments are on the first floor? | SELECT name FROM department WHERE floor = 1
How many doctors work in each department? Show the department's name. | SELECT d.name, count(*) FROM department AS d JOIN doctor AS o ON o.department_id = d.id GROUP BY d.id
What is the average salary of all doctors? | SELECT avg(salary) FROM doctor
Which doctors have no chief? | SELECT name FROM doctor WHERE chief_id IS NULL
Show each doctor's name with the name of the chief. | SELECT d.name, c.name FROM doctor AS d JOIN doctor AS c ON c.id = d.chief_id
How many patients live in Ulm? | SELECT count(*) FROM patient WHERE town = 'Ulm'
How many appointments were cancelled? | SELECT count(*) FROM appointment WHERE cancelled = 1
What does an appointment cost on average for each reason for visit? | SELECT "reason for visit", avg(cost) FROM appointment GROUP BY "reason for visit"
Which patients were born before 1950? Show name and birth. | SELECT name, birth FROM patient WHERE birth < '1950-01-01'
Who is the oldest patient? Show the name. | SELECT name FROM patient ORDER BY birth LIMIT 1
How many appointments did each doctor have? Show the name. | SELECT d.name, count(*) FROM doctor AS d JOIN appointment AS a ON a.doctor_id = d.id GROUP BY d.id
Which patients never had an appointment? | SELECT name FROM patient WHERE id NOT IN (SELECT patient_id FROM appointment)
What is the total cost of the appointments of each town's patients? | SELECT p.town, sum(a.cost) FROM patient AS p JOIN appointment AS a ON a.patient_id = p.id GROUP BY p.town
Which doctor earns the most in each department? Show department and name. | SELECT e.name, d.name FROM doctor AS d JOIN department AS e ON e.id = d.department_id WHERE d.salary = (SELECT max(salary) FROM doctor WHERE department_id = e.id)
"""

_TPCH = """
How many nations are there? | SELECT count(*) FROM nation
What are the names of the regions? | SELECT r_name FROM region
Which nations belong to the region EUROPE? | SELECT n_name FROM nation JOIN region ON n_regionkey = r_regionkey WHERE r_name = 'EUROPE'
How many nations does each region have? Show the region's name. | SELECT r_name, count(*) FROM region JOIN nation ON n_regionkey = r_regionkey GROUP BY r_name
How many customers are in each market segment? | SELECT c_mktsegment, count(*) FROM customer GROUP BY c_mktsegment
What is the average account balance of the customers? | SELECT avg(c_acctbal) FROM customer
Which ten suppliers have the highest account balance? Show names. | SELECT s_name FROM supplier ORDER BY s_acctbal DESC LIMIT 10
How many parts are there of each brand? | SELECT p_brand, count(*) FROM part GROUP BY p_brand
What is the highest retail price of a part? | SELECT max(p_retailprice) FROM part
How many orders are there with each status? | SELECT o_orderstatus, count(*) FROM orders GROUP BY o_orderstatus
What is the total price of all orders placed in 1995? | SELECT sum(o_totalprice) FROM orders WHERE o_orderdate LIKE '1995%'
What are the different ways of shipping? | SELECT DISTINCT l_shipmode FROM lineitem
What is the average quantity of the lines shipped by AIR? | SELECT avg(l_quantity) FROM lineitem WHERE l_shipmode = 'AIR'
How many customers have a negative account balance? | SELECT count(*) FROM customer WHERE c_acctbal < 0
How many suppliers does each nation have? Show the nation's name. | SELECT n_name, count(*) FROM nation JOIN supplier ON s_nationkey = n_nationkey GROUP BY n_name
Which five customers have the highest balance? Show name and balance. | SELECT c_name, c_acctbal FROM customer ORDER BY c_acctbal DESC LIMIT 5
How many parts have a size above 45? | SELECT count(*) FROM part WHERE p_size > 45
How many orders are there of each priority, most first? | SELECT o_orderpriority, count(*) AS n FROM orders GROUP BY o_orderpriority ORDER BY n DESC
"""

_CONCERT_SINGER = """
How many singers are there? | SELECT count(*) FROM singer
What are the names of the singers from France? | SELECT Name FROM singer WHERE Country = 'France'
What is the average age of the singers? | SELECT avg(Age) FROM singer
Which stadiums hold more than 5000 people? Show names. | SELECT Name FROM stadium WHERE Capacity > 5000
What is the name of the youngest singer? | SELECT Name FROM singer ORDER BY Age LIMIT 1
How many concerts were there in each year? | SELECT Year, count(*) FROM concert GROUP BY Year
How many singers come from each country? | SELECT Country, count(*) FROM singer GROUP BY Country
Show the name and theme of the concerts of 2014. | SELECT concert_Name, Theme FROM concert WHERE Year = '2014'
Which stadiums have had no concert? Show names. | SELECT Name FROM stadium WHERE Stadium_ID NOT IN (SELECT Stadium_ID FROM concert)
What is the largest capacity of a stadium? | SELECT max(Capacity) FROM stadium
In how many concerts did each singer sing? Show names. | SELECT s.Name, count(*) FROM singer AS s JOIN singer_in_concert AS c ON c.Singer_ID = s.Singer_ID GROUP BY s.Singer_ID
Which countries do singers older than 40 come from? | SELECT DISTINCT Country FROM singer WHERE Age > 40
"""

_ALL = {
    "shop": _SHOP,
    "library": _LIBRARY,
    "flights": _FLIGHTS,
    "clinic": _CLINIC,
    "tpch": _TPCH,
    "concert_singer": _CONCERT_SINGER,
}

QUESTIONS = tuple(
    Question(database, *(part.strip() for part in line.split(" | ")))
    for database, lines in _ALL.items()
    for line in lines.strip().splitlines()
)
