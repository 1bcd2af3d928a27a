from innerloop.cli import main

main()
